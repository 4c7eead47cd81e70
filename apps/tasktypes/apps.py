from django.apps import AppConfig


class TasktypesConfig(AppConfig):
    name = "apps.tasktypes"
    label = "tasktypes"
