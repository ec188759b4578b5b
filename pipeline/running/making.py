"""Who makes the shards of a plan, kept beside them before they are made."""

from datetime import UTC, datetime

from cache.makings import Making, record
from pipeline.running.plan import Plan
from pipeline.running.recipes import Recipe
from pipeline.running.stage_code import STAGES, packages, stage_code, version_of


def record_makings(plan: Plan, device: str) -> None:
    """Say, before it is done, who makes the shards of ``plan`` on ``device``. Raises: StoreError."""
    for name in {name for task in plan.tasks for name in task.features}:
        mine = [task for task in plan.tasks if name in task.features]
        whole, parts = ({task.number for task in mine if task.retry is retry} for retry in (False, True))
        record(plan.features[name].folder, _now(plan.recipes[name], device), whole, parts)


def _now(recipe: Recipe, device: str) -> Making:
    stage, clips = f"{STAGES}.{recipe.info['stage']}", recipe.stage.frames > 0
    on = "cpu" if recipe.stage.cpu_only else device.partition(":")[0]
    day = datetime.now(UTC).date().isoformat()
    return Making(version_of("affect-cache"), on, stage_code(stage, clips), packages(stage, clips), day, day)
