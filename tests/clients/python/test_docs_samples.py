"""The samples of the documentation, each run as it stands there. Only addresses are put in, since other ports may be in use."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from docs_samples import LANGUAGES, Sample, all_files, expected, groups, languages_of, run_all, samples


@pytest.fixture(scope="module")
def ran(request, tmp_path_factory):
    """What the samples that were asked for printed, by sample. The languages run beside each other."""
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = [sample for call in calls if isinstance(sample := call.get("sample"), Sample)]
    by_language = {language: [sample for sample in asked if sample.language == language] for language in LANGUAGES}
    with ThreadPoolExecutor(len(LANGUAGES)) as pool:
        running = {
            language: pool.submit(run_all, language, chosen, tmp_path_factory.mktemp("samples"))
            for language, chosen in by_language.items()
            if chosen
        }
        return lambda sample: running[sample.language].result()[sample]


@pytest.mark.parametrize("sample", samples(), ids=str)
def test_sample(ran, sample):
    code, printed = ran(sample)
    assert code == 0, printed
    missing = [pattern for pattern in expected(sample) if not re.search(pattern, printed, re.MULTILINE)]
    assert not missing, printed


def test_every_sample_is_in_every_language_and_says_what_it_prints():
    wanted = {f"{group}.{ending}" for group in groups() for ending in [*languages_of(group), "expect"]}
    assert {str(path) for path in all_files()} == wanted
    for sample in samples():
        assert expected(sample), f"{sample} may print anything"


def test_every_sample_uses_the_addresses_that_the_gateway_has_without_settings():
    for sample in samples():
        addresses = set(re.findall(r"127\.0\.0\.1:\d+|localhost\S*", sample.file.read_text()))
        assert addresses and addresses <= {"127.0.0.1:8080", "127.0.0.1:50051"}, sample


def test_a_sample_can_be_read_without_scrolling_far():
    for sample in samples():
        assert max(len(line) for line in sample.file.read_text().splitlines()) <= 105, sample
