# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU that is played, with a guest behind it that answers requests and tells its progress."""
from vm import MIB, Played

F_FREE_PAGE_HINT = 3
F_CTRL_VQ = 53
MEMORY = 1024 * MIB


class PlayedGuest(Played):
    """A VM of 1 GiB whose guest inflates down to a floor at once.

    answers: for each request type, what fastballoon-requests shows of it, look by look after it
    was made; the last look's is shown for ever. For inflate it is made up by the played guest
    unless it is given.
    """

    def __init__(self, floor_mib=0, reason="watermark", answers=None, **replies):
        super().__init__(**replies)
        self.floor = floor_mib * MIB
        self.reason = reason
        self.answers = answers or {}
        self.actual = self.target = MEMORY
        self.shown = {}
        self.requests = []
        self.tells = True
        self.settled = False
        self.properties |= {"fastballoon-features": 1 << F_CTRL_VQ | 1 << F_FREE_PAGE_HINT}
        for name, reply in {"query-balloon": lambda: {"actual": self.actual},
                            "balloon": self.set_target, "qom-set": self.qom_set}.items():
            if name.replace("-", "_") not in replies:
                self.replies[name] = reply

    def set_target(self, value):
        """QEMU's balloon command."""
        self.target = value
        self.actual = max(value, self.floor)
        self.settled = False
        return {}

    def progress(self):
        """What fastballoon-progress shows."""
        short = self.actual > self.target
        return {"known": self.tells, "target-bytes": MEMORY - self.target,
                "actual-bytes": MEMORY - self.actual, "reachable-bytes": MEMORY - self.floor,
                "reason": self.reason if short else "none", "settled": self.settled}

    def inflate(self, best_effort):
        """The looks at an inflate request that the guest answers by itself."""
        short = self.actual > self.target
        if not best_effort and short:
            return [{"state": "sent", "status": "ok", "figure-bytes": 0}]
        self.settled = best_effort
        return [{"state": "sent", "status": "ok", "figure-bytes": 0},
                {"state": "done", "status": "partial" if short else "ok",
                 "figure-bytes": MEMORY - self.actual}]

    def qom_set(self, path, property, value):
        """Takes a request; every other property is set."""
        if property != "fastballoon-request":
            self.properties[property] = value
            return {}
        self.requests.append(value)
        kind = value["type"]
        looks = self.answers.get(kind) or self.inflate(value.get("best-effort", False))
        if isinstance(looks, Exception):
            return looks
        self.shown[kind] = [look | {"id": len(self.requests)} for look in looks]
        return {}

    def qom_get(self, path, property):
        """Requests and progress as they stand, and the other properties."""
        if property == "fastballoon-progress" and self.tells is not None:
            return self.progress()
        if property != "fastballoon-requests":
            return super().qom_get(path, property)
        none = {"state": "none", "id": 0, "status": "ok", "figure-bytes": 0}
        return {kind: self.look(kind) or none for kind in ("drop-caches", "compact", "inflate")}

    def look(self, kind):
        """The next look at a request."""
        looks = self.shown.get(kind)
        return looks and (looks.pop(0) if len(looks) > 1 else looks[0])


def ends(status, figure_mib=0):
    """The looks at a request that the guest answers at the third one."""
    return [{"state": "queued", "status": "ok", "figure-bytes": 0},
            {"state": "sent", "status": "ok", "figure-bytes": 0},
            {"state": "done", "status": status, "figure-bytes": figure_mib * MIB}]


def ends_without_answer(state):
    """The looks at a request that is over without an answer."""
    return [{"state": "sent", "status": "ok", "figure-bytes": 0},
            {"state": state, "status": "ok", "figure-bytes": 0}]
