import datetime as dt, os, re
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import sync_playwright
from marketplace.runtime import browser
from apps.projects.models import Item
from apps.core.tenancy import Actor, acting
from apps.work.models import Assignment, Submission

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

def test_it(transactional_db, live_server, carol, project, acme):
    config = {"question": "Which is better?", "needs_reason": True, "allows_tie": True}
    q = project(acme, gold=0, limits={"newcomer_share_percent": 100})
    pairs = project(acme, gold=0, title="Pairs", qualification=0, limits={"newcomer_share_percent": 100}, task={"type": "pairwise", "config": config})
    with acting(Actor(kind="staff", user_id=carol.id)):
        Item.objects.filter(project=pairs).update(payload={"prompt": "Why blue?", "a": "Air.", "b": "Sea."})
    c = Client(); c.force_login(carol)
    cookie = c.cookies[settings.SESSION_COOKIE_NAME].value
    path = browser.find_or_install()
    with sync_playwright() as p:
        b = p.chromium.launch(**browser.launch_options(path))
        ctx = b.new_context(viewport={"width": 390, "height": 844})
        ctx.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = ctx.new_page()
        logs = []
        page.on("console", lambda m: logs.append((m.type, m.text)))
        page.on("pageerror", lambda e: logs.append(("pageerror", str(e))))
        def shot(name):
            wide = page.evaluate("document.documentElement.scrollWidth")
            print(name, "scrollWidth", wide)
            page.screenshot(path=f"/tmp/shot_{name}.png", full_page=True)
        page.goto(live_server.url + reverse("work:board")); shot("board")
        page.goto(live_server.url + reverse("work:offer", args=[q.id])); shot("offer")
        page.check("[name=tier][value=general]"); page.check("[name=has_consented]"); page.click("text=Agree and join")
        shot("desk")
        page.keyboard.press("Enter")
        page.wait_for_url("**/assignments/**"); shot("item")
        page.keyboard.press("i"); 
        page.keyboard.press("2")
        page.wait_for_selector("text=Draft saved.")
        shot("item_chosen")
        page.reload()
        assert page.is_checked("[value=no]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/projects/**"); shot("desk_after")
        page.keyboard.press("u")
        page.wait_for_url("**/assignments/**")
        assert page.is_checked("[value=no]")
        page.keyboard.press("?")
        page.keyboard.press("1"); page.keyboard.press("Enter")
        page.wait_for_url("**/projects/**")
        page.goto(live_server.url + reverse("work:history")); shot("history")
        page.goto(live_server.url + reverse("work:earnings")); shot("earnings")
        # pairwise on a desktop
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(live_server.url + reverse("work:offer", args=[pairs.id])); shot("offer_wide")
        page.check("[name=tier][value=general]"); page.check("[name=has_consented]"); page.click("text=Agree and join"); page.wait_for_url("**/projects/**")
        page.keyboard.press("Enter"); page.wait_for_url("**/assignments/**")
        page.keyboard.press("b"); page.keyboard.press("r"); page.keyboard.type("short b 1 ?")
        assert page.input_value("#answer-reason") == "short b 1 ?", page.input_value("#answer-reason")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("text=Give a reason of at least 20 characters."); shot("pair_refused")
        assert page.input_value("#answer-reason") == "short b 1 ?"
        page.wait_for_timeout(16500)
        print("active", page.inner_text("[data-active]"), page.inner_text("[data-floor]"))
        page.keyboard.press("g"); shot("pair_giveback")
        page.click("text=Skip it"); page.wait_for_url("**/projects/**"); shot("skipped")
        b.close()
    print(logs)
    with acting(Actor(kind="person", user_id=carol.id)):
        print(Assignment.objects.values_list("state", "active_seconds", "idle_seconds", "instruction_seconds"))
