"""Every state change of a project, its items, pictures and criteria.

The draft of a project has one object for each of these sections (`save_draft(step=…)`); a page of
the wizard may save several. Amounts are minor units of the organization's currency.

    work        title, task_type, config (as the task type's `check_config` returns it),
                instructions, estimate_seconds, layer, band {complexity, consequence}, visibility
    pay         base, qualification, premiums [{key, label, amount, trigger}]
    rubric      lines [{key, title, weight, anchors {"1", "3", "5"}}]
    tiers       tiers [{key, title, regions, languages, credentials,
                qualification: null | {items, pass_percent, seats}}]
    items       overlap, gold_percent, repeat_percent
    consent     purpose, licence, term, secondary_use, price_per_use, withdrawal
    disclosure  trains, owners, content_warnings
    decision    the ten answers of `queries.DECISION_QUESTIONS`
    budget      amount
"""

from apps.projects.actions.annotating import withdraw_answers
from apps.projects.actions.assets import AssetReport, add_assets
from apps.projects.actions.drafts import create, save_draft
from apps.projects.actions.funds import add_seats, top_up
from apps.projects.actions.gold import demote_gold, end_contest, locked_gold
from apps.projects.actions.importing import run_import
from apps.projects.actions.imports import discard, keep_good, start_import
from apps.projects.actions.publishing import publish, publish_version
from apps.projects.actions.running import (
    begin_close,
    extend,
    finish_close,
    freeze_projects,
    pause,
    resume,
    store_figures,
    thaw_projects,
    watch_funds,
)

__all__ = [
    "AssetReport",
    "add_assets",
    "add_seats",
    "begin_close",
    "create",
    "demote_gold",
    "discard",
    "end_contest",
    "extend",
    "finish_close",
    "freeze_projects",
    "keep_good",
    "locked_gold",
    "pause",
    "publish",
    "publish_version",
    "resume",
    "run_import",
    "save_draft",
    "start_import",
    "store_figures",
    "thaw_projects",
    "top_up",
    "watch_funds",
    "withdraw_answers",
]
