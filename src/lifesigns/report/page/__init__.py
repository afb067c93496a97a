"""The page document: one JSON object that every page of a run is drawn from.

`document` makes it of a run in memory, `PageBuilder` of one that is streamed, live or from a file.
docs/page-document.md describes it. The pieces, from the snapshot to the document:

- `layers`: which sites are a layer; `layout`: the rows of all layers and parameters of a run.
- `stack`, `measured`, `reading`: the numbers of one snapshot; `columns`: what is expected of them.
- `axis`, `history`, `maps`: the run in bounded memory; `slopes`: what was to be expected.
- `composition` with `losses`, `drawn_maps`, `graph`, `words`, `status` and `arrays`: the document.
- `events`: what a live page is told of one snapshot.
"""

from lifesigns.report.page.builder import PageBuilder, document

__all__ = ["PageBuilder", "document"]
