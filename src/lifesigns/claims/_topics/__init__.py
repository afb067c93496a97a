"""Topics of the textbook: a page each, in English and Chinese, with numbers of the claims.

Adding one takes a file with a `TOPIC` in this package, and a line in the changelog. Names and texts
are read without torch; it is needed for the numbers only.
"""

from lifesigns.claims._topics._discovery import all_topics, find, print_list
from lifesigns.claims._topics._topic import Formula, Number, Topic, Words
from lifesigns.report.language import Language

__all__ = ["Formula", "Language", "Number", "Topic", "Words", "all_topics", "find", "print_list"]
