"""Where the runs of a sweep are made: in this process, in several on this computer, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.energy.sweep import Outcome, Point, execute

CONNECT_S = "20s"


def here(work: Sequence[Sequence[Point]]) -> Iterator[list[Outcome]]:
    """One after the other in this process."""
    for bundle in work:
        yield execute(bundle)


def on_cores(work: Sequence[Sequence[Point]], jobs: int) -> Iterator[list[Outcome]]:
    """In `jobs` processes of this computer, results as they come. The processes end with the iterator."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    made = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=2 * jobs)(
        delayed(execute)(bundle) for bundle in work
    )
    try:
        with closing(made):
            yield from made
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def on_cluster(work: Sequence[Sequence[Point]], address: str) -> Iterator[list[Outcome]]:
    """On the Dask cluster whose scheduler listens at `address`. Its workers need this version of the application.

    Raises AppError BAD_INPUT where Dask is not installed, the scheduler does not answer, or a worker fails.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("A cluster needs Dask, which is not installed."),
            msg("Install it: pip install 'autoglm-desktop[distributed]'"),
        ) from error
    try:
        client = Client(address, timeout=CONNECT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("No Dask scheduler answers at {address}.", address=address),
            msg("Start one with dask scheduler, and workers with dask worker; give its address."),
            details=str(error),
        ) from error
    with client:
        futures = client.map(execute, work, pure=False)
        try:
            for future in as_completed(futures):  # type: ignore[no-untyped-call]
                yield future.result()
        finally:
            client.cancel(futures)  # type: ignore[no-untyped-call]
