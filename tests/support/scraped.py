"""What a process's `/metrics` page says, as numbers."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families


class Scraped:
    """One look at a page."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """A sample's value, None where the page does not show it."""
        return self._samples.get((name, frozenset(labels.items())))

    def names(self) -> set[str]:
        """Names of all samples."""
        return {name for name, _ in self._samples}

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels under which a sample is shown."""
        return [dict(labels) for found, labels in self._samples if found == name]


def scrape(port: int) -> Scraped:
    """The page of the process that serves it on this loopback port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return Scraped(answer.read().decode())
