"""One thread of linear algebra inside, what the caller had outside, with any number of bodies side by side."""

from __future__ import annotations

import threading

import scipy.linalg  # noqa: F401  # so that its BLAS is there before the test asks
from threadpoolctl import threadpool_info, threadpool_limits

from soxspipe.numerics.threads import one_blas_thread


def n_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_one_thread_inside_and_the_callers_number_outside() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        with one_blas_thread():
            assert n_threads() == {1}
            with one_blas_thread():
                pass
            assert n_threads() == {1}
        assert n_threads() == {2}


def test_after_an_error_the_callers_number_is_back() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        try:
            with one_blas_thread():
                raise ValueError("the data cannot be reduced")
        except ValueError:
            pass
        assert n_threads() == {2}


def test_three_threads_do_not_disturb_each_other_or_the_caller() -> None:
    seen: list[set[int]] = []
    together = threading.Barrier(3)

    def one(place: int) -> None:
        with one_blas_thread():
            together.wait()
            seen.append(n_threads())
        together.wait()

    with threadpool_limits(limits=2, user_api="blas"):
        threads = [threading.Thread(target=one, args=(place,)) for place in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [{1}] * 3
        assert n_threads() == {2}
