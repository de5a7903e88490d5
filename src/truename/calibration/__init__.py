"""The heart: submit, take, apply, cancel. What is decided here is decided from a picture of the database.

Each public coroutine is work for the writer (`store/writer.py`): a list in, a list out, one transaction for everything
that waits. Lock order everywhere: look-ups (by id), tasks, notes, events.
"""

from truename.calibration.apply import apply_all, learn_all
from truename.calibration.cancel import cancel_all, cancel_batches
from truename.calibration.census import Census
from truename.calibration.plan import Ground, Plan, plan_submissions
from truename.calibration.submit import granted, lift_all, magnet_of, retry_batches, submit_all, submit_batches
from truename.calibration.take import give_back_all, not_begun, recover, shares_of, still_out, take_all
from truename.calibration.words import (
    SHARES,
    TURNS,
    Answer,
    BatchOrder,
    Granted,
    OfBatch,
    OfTask,
    Priority,
    Refused,
    Retried,
    Rules,
    Submission,
    Submitted,
    Told,
    Wanted,
)

__all__ = [
    "SHARES",
    "TURNS",
    "Answer",
    "BatchOrder",
    "Census",
    "Granted",
    "Ground",
    "OfBatch",
    "OfTask",
    "Plan",
    "Priority",
    "Refused",
    "Retried",
    "Rules",
    "Submission",
    "Submitted",
    "Told",
    "Wanted",
    "apply_all",
    "cancel_all",
    "cancel_batches",
    "give_back_all",
    "granted",
    "learn_all",
    "lift_all",
    "magnet_of",
    "not_begun",
    "plan_submissions",
    "recover",
    "retry_batches",
    "shares_of",
    "still_out",
    "submit_all",
    "submit_batches",
    "take_all",
]
