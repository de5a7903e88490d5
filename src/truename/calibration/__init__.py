"""The heart: submit, take, apply, cancel. What becomes of requests is decided from a picture of the database (`plan`,
pure); reports and cancels are statements with conditions.

Each public coroutine is work for the writer (`store/writer.py`): a list in, a list out, one transaction for everything
that waits. Lock order everywhere: look-ups (by id), tasks, notes, batches, events.
"""

from truename.calibration.apply import apply_all, learn_all
from truename.calibration.cancel import cancel_all, cancel_batches, cancel_waiting
from truename.calibration.census import Census
from truename.calibration.plan import Ground, Plan, plan_submissions
from truename.calibration.submit import (
    granted,
    hurry_all,
    lift_all,
    magnet_of,
    retry_batches,
    submit_all,
    submit_batches,
)
from truename.calibration.take import give_back_all, joined_all, recover, shares_of, still_out, take_all
from truename.calibration.words import (
    TURNS,
    Answer,
    BatchOrder,
    Granted,
    Heard,
    Joined,
    NoRoom,
    OfBatch,
    OfPerson,
    OfTask,
    Priority,
    Retried,
    Rules,
    Running,
    Submission,
    Submitted,
    Wanted,
)

__all__ = [
    "TURNS",
    "Answer",
    "BatchOrder",
    "Census",
    "Granted",
    "Ground",
    "Heard",
    "Joined",
    "NoRoom",
    "OfBatch",
    "OfPerson",
    "OfTask",
    "Plan",
    "Priority",
    "Retried",
    "Rules",
    "Running",
    "Submission",
    "Submitted",
    "Wanted",
    "apply_all",
    "cancel_all",
    "cancel_batches",
    "cancel_waiting",
    "give_back_all",
    "granted",
    "hurry_all",
    "joined_all",
    "learn_all",
    "lift_all",
    "magnet_of",
    "plan_submissions",
    "recover",
    "retry_batches",
    "shares_of",
    "still_out",
    "submit_all",
    "submit_batches",
    "take_all",
]
