"""numba's njit for whatever is compiled here, with a cache that may be read-only, full, damaged or absent.

Compiled kernels are kept where numba keeps them: in NUMBA_CACHE_DIR, beside the source, or in the user's cache folder,
the first that can be written to. numba refuses to be imported where there is none, and passes by a folder that is
filled but cannot be written to. Here such a folder is read, and what cannot be kept is compiled at every start, with
one warning. Whoever can write to the cache decides what is run: it is as trusted as the source.
"""

import inspect
import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from numba import njit, types
from numba.core import cgutils
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    InTreeCacheLocator,
    NullCache,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)
from numba.extending import intrinsic
from numpy.typing import NDArray

logger = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., object])
_DISPATCHERS: list[Any] = []
_ANY_ORDER = {"reassoc", "contract", "arcp", "nsz"}  # not that there are no NaNs: a lost loss must be seen


def compiled(function: Function) -> Function:
    """Compiles at the first call with arguments of a type, or loads what was compiled before. Releases the GIL."""
    return _kept(function, njit(nogil=True)(function))


def compiled_for_speed(function: Function) -> Function:
    """The same where loops are worth vector instructions: sums may be taken in any order, and x / 0 is infinite."""
    return _kept(function, njit(nogil=True, fastmath=_ANY_ORDER, error_model="numpy")(function))


def part_of_kernels(function: Function) -> Function:
    """What @compiled_for_speed functions call becomes part of them, as if it were written there.

    Calls between compiled functions are resolved otherwise after a load from the cache than after a compilation, to
    copies whose sums may be taken in another order: the first process and the second would differ in their last bits.
    """
    dispatcher: Any = njit(nogil=True, fastmath=_ANY_ORDER, error_model="numpy", inline="always")(function)
    result: Function = dispatcher
    return result


def _kept(function: Function, dispatcher: Any) -> Function:
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError:  # numba found no folder at all
        dispatcher._cache = _NoCache()
    _DISPATCHERS.append(dispatcher)
    result: Function = dispatcher
    return result


class _ReadOnly:
    """Before a locator: its folder will do if it is there, whether it can be written to or not."""

    def ensure_cache_path(self) -> None:
        try:
            super().ensure_cache_path()  # type: ignore[misc]
        except OSError:
            if not os.path.isdir(self.get_cache_path()):  # type: ignore[attr-defined]
                raise


class _GivenFolder(_ReadOnly, UserProvidedCacheLocator):
    pass


class _SourceFolder(_ReadOnly, InTreeCacheLocator):
    pass


class _Places(CompileResultCacheImpl):
    _locator_classes = (_GivenFolder, InTreeCacheLocator, UserWideCacheLocator, _SourceFolder)  # type: ignore[assignment]


class _Cache(FunctionCache):
    _impl_class = _Places

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__(function)
        folder = Path(inspect.getfile(function)).parent  # kernels call those of files beside them: numba looks at one
        self._cache_file._source_stamp = sorted(
            (file.name, file.stat().st_mtime, file.stat().st_size) for file in folder.glob("*.py")
        )

    def load_overload(self, *arguments: object) -> object:
        try:
            return super().load_overload(*arguments)
        except SystemError:  # a Ctrl-C on its way through numba
            raise
        except Exception:  # whatever is wrong with what was kept, there is a source to compile
            return None

    def save_overload(self, *arguments: object) -> None:
        try:
            self._save(*arguments)
        except SystemError:
            raise
        except Exception:  # a full disk, a read-only folder
            _warn()

    def _save(self, *arguments: object) -> None:
        try:
            super().save_overload(*arguments)
        except SystemError:
            raise
        except Exception:  # an index that cannot be read: damaged, or it names a class of another version of ours
            self.flush()
            super().save_overload(*arguments)


class _NoCache(NullCache):
    def save_overload(self, *_: object) -> None:
        _warn()


@cache
def _warn() -> None:
    """Once a process."""
    logger.warning(
        "compiled kernels cannot be kept, so every start compiles them again; NUMBA_CACHE_DIR names a folder for them"
    )


def _fetch(_: Any, array: Any, place: Any) -> tuple[Any, Any]:
    """Asks for the cache line of `array[place]` and does not wait; a place outside does no harm."""
    lower: Any = cgutils

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), lower.voidptr_t)
        flag = lower.int32_t
        kind = lower.ir.FunctionType(lower.ir.VoidType(), [lower.voidptr_t, flag, flag, flag])
        prefetch = lower.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(prefetch, [address, flag(0), flag(3), flag(1)])  # to read, into all caches, data
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


fetch: Callable[[NDArray[Any], int], None] = cast(Any, intrinsic(_fetch))


class Compiled(NamedTuple):
    """How this process came by its kernels so far, and the folder that keeps them; None where there is none."""

    n_loaded: int
    n_compiled: int
    folder: Path | None
    writable: bool


def so_far() -> Compiled:
    """Of all kernels that were called."""
    folders = {Path(path) for each in _DISPATCHERS if (path := each.stats.cache_path) is not None}
    return Compiled(
        n_loaded=sum(sum(each.stats.cache_hits.values()) for each in _DISPATCHERS),
        n_compiled=sum(sum(each.stats.cache_misses.values()) for each in _DISPATCHERS),
        folder=min(folders, default=None),
        writable=bool(folders) and all(os.access(folder, os.W_OK) for folder in folders),
    )
