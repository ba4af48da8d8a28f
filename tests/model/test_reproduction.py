"""A component is as similar as its most different package."""

from __future__ import annotations

from altai_build.model.reproduction import ReproducedPackage, ReproductionReport, Similarity


def test_the_most_different_package_counts() -> None:
    def report(*similarities: Similarity) -> ReproductionReport:
        packages = tuple(
            ReproducedPackage(nevra="a-1-1.noarch", released="", similarity=one, first_difference="")
            for one in similarities
        )
        return ReproductionReport(
            component="a",
            release="1",
            commit="c" * 40,
            buildroot="unknown",
            source_package=(),
            packages=packages,
        )

    identical, times, different = Similarity
    assert report(identical, identical).similarity is identical
    assert report(times, identical).similarity is times
    assert report(identical, different, times).similarity is different
