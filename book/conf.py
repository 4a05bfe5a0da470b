"""How Sphinx makes the book of the pages that `book/__main__.py` lays out."""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

import course

project = "CNN meets LSTM"
author = copyright = "the authors of the CNN-LSTM course"
version = release = course.version()
extensions = ["myst_nb"]
exclude_patterns = ["_static"]
highlight_language = "none"
default_role = "code"  # what docstrings put between backticks
add_module_names = False
toc_object_entries_show_parents = "hide"

nb_execution_mode = "off"
myst_enable_extensions = ["attrs_block", "attrs_inline", "dollarmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "book.lessons.slug"
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}}  # with it, Tab would stop at every formula

linkcheck_timeout = 30
linkcheck_anchors = False  # many sites make theirs by a script

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["book.css", "selftest.css"]
html_js_files = ["book.js", *((name, {"type": "module"}) for name in ("live.js", "selftest.js"))]
html_favicon = "static/mark.svg"
html_logo = "static/mark.svg"
html_use_index = html_domain_indices = False  # the search finds more
html_copy_source = html_show_sourcelink = False  # a page is not what one works with: `make lab` lays that
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": project, "alt_text": ""},
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "navigation_with_keys": False,
    "toc_title": "On this page",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


class Anchors(SphinxTransform):
    """Let links find what they find elsewhere, and Sphinx check them.

    That is each `<a id="word"></a>`, and headings by the name that JupyterLab gives them, or GitHub.
    """

    default_priority = 200

    def apply(self):
        """Replace them in one page."""
        slugs = self.env.metadata[self.env.docname].setdefault("myst_slugs", {})
        for name, place in list(slugs.items()):
            slugs.setdefault(re.sub(r"[^\w-]", "", name).lower(), place)
        for raw in list(self.document.findall(nodes.raw)):
            word = re.fullmatch(r'<a id="([^"]+)">', raw.astext())
            if word:
                slugs[word[1]] = (raw.line, word[1], "")
                raw.parent.remove(raw.next_node(descend=False, siblings=True))  # its end, </a>
                raw.replace_self(nodes.target(ids=[word[1]]))


def name_folds_by_their_text(app, pagename, templatename, context, doctree):
    """Let a screen reader say what a sighted reader sees on a fold, not the same words for each."""
    if "body" in context:
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def setup(app):
    """Add what Sphinx and MyST-NB lack."""
    app.config.html_static_path.append(str(app.srcdir / "_static"))
    app.add_transform(Anchors)
    app.connect("html-page-context", name_folds_by_their_text)
