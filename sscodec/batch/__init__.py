"""Many files, one command: what goes where, what is done already, and the processes that do the rest."""

from sscodec.batch.plan import SOUND_SUFFIXES, Task, plan
from sscodec.batch.pool import Pool
from sscodec.batch.work import Job, Outcome, Work
from sscodec.folders import STREAM_SUFFIXES

__all__ = ["SOUND_SUFFIXES", "STREAM_SUFFIXES", "Job", "Outcome", "Pool", "Task", "Work", "plan"]
