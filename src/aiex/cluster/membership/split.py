"""What a node misses of its cluster: members gone without a goodbye, its engine, or a quorum."""

from aiex.cluster.events import ClusterSplit, ClusterWhole
from aiex.cluster.membership.hearing import Hearing
from aiex.cluster.membership.roster import Roster
from aiex.cluster.wording import are

NO_QUORUM_TEXT = "the engine has no quorum: state can be read but not written"
NAMED_MAX = 5


class Split:
    """`text` is a sentence for people, empty when nothing is missing, as it was told last."""

    def __init__(self, roster: Roster, hearing: Hearing) -> None:
        self._roster = roster
        self._hearing = hearing
        self.text = ""
        self.has_quorum = True
        self._missing = ""

    def look(self, now_s: float) -> ClusterSplit | ClusterWhole | None:
        """What is missing now; the event if that is another thing than before."""
        self._missing = self._missing_text(now_s)
        before, self.text = self.text, self.text_at(now_s)
        if self.text and self.text != before:
            return ClusterSplit(self.text)
        if before and not self.text:
            return ClusterWhole()
        return None

    def text_at(self, now_s: float) -> str:
        """What is missing now."""
        no_quorum = "" if self.has_quorum else NO_QUORUM_TEXT
        return "; ".join(one for one in (self._missing_text(now_s), no_quorum) if one)

    def _missing_text(self, now_s: float) -> str:
        if self._hearing.is_deaf(now_s) and self._roster.live_count():
            return f"this node cannot use the engine ({self._hearing.trouble}) and hears nobody"
        if missing := self._roster.missing_names():
            shown = ", ".join(missing[:NAMED_MAX]) + (", …" if len(missing) > NAMED_MAX else "")
            return f"{shown} {are(missing)} missing without a goodbye"
        if self._roster.has_suspect():
            return self._missing  # not whole again before everybody was heard
        return ""
