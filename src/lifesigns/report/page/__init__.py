"""The page document: one JSON object that every page of a run is drawn from.

`document` makes it of a run in memory, `PageBuilder` of one that is streamed, live or from a file.
docs/page-document.md describes it. The pieces, from the snapshot to the document:

- `layers`: which sites are a layer; `layout`: the rows of all layers and parameters of a run.
- `measured` and `reading`: the numbers of one snapshot; `columns`: what is expected of them.
- `axis`, `history`, `maps`: the run in bounded memory; `slopes`: what was to be expected.
- `composition`, `losses`, `graph`, `words`, `status`, `arrays`: the document; `events`: a live page's news.
"""

from lifesigns.report.page.builder import PageBuilder, document

__all__ = ["PageBuilder", "document"]
