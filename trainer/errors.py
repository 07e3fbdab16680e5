"""What can go wrong on the way to an artifact, each with the exit code of docs/design.md section 7.

TrainerError
├── ConfigurationError  3  options that do not fit together or the machine
├── DataError           4  a file that is missing, unreadable or not what it should be
├── TrainingError       6  the fit itself failed
│   └── LostRankError      of the ranks that train together one is gone
└── ExportError         6  an engine that cannot be reached, refuses, or does not come to the same answers
"""

from typing import ClassVar

from index.errors import SparseshelfError


class TrainerError(SparseshelfError):
    exit_code: ClassVar[int]


class ConfigurationError(TrainerError):
    exit_code = 3


class DataError(TrainerError):
    exit_code = 4


class TrainingError(TrainerError):
    exit_code = 6


class LostRankError(TrainingError):
    """Another rank is gone; the last checkpoint is still good."""


class ExportError(TrainerError):
    exit_code = 6
