"""Write data/README.md from data/manifest.toml."""

from course_utils.datasets.base import DATA, cards_markdown

(DATA / "README.md").write_text(cards_markdown(), encoding="utf-8", newline="\n")
