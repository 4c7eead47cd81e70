"""Addresses of the second origin: pictures, and nothing else."""

from django.urls import path

from apps.projects.views import uploads

urlpatterns = [path("pictures/<str:token>", uploads.picture, name="picture")]
handler404 = handler500 = uploads.refused
