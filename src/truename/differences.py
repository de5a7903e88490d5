"""Where two texts differ, cut so that no magnet of either is cut. Pure."""


def differing(before: str, after: str) -> tuple[str, str]:
    """The part of each text in which they differ, from white space to white space; both are empty where they are alike.

    White space ends every magnet, so one that is not in its text's part has the same neighbours in both texts.
    """
    if before == after:
        return "", ""
    start = _common_start(before, after)
    common_end = _common_end(before, after, min(len(before), len(after)) - start)
    start -= len(_last_word(before[:start]))
    common_end -= len(_first_word(before[len(before) - common_end :]))
    return before[start : len(before) - common_end], after[start : len(after) - common_end]


def _common_start(before: str, after: str) -> int:
    same, most = 0, min(len(before), len(after))
    while same < most:
        middle = (same + most + 1) // 2
        if before[same:middle] == after[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same


def _common_end(before: str, after: str, most: int) -> int:
    same = 0
    while same < most:
        middle = (same + most + 1) // 2
        in_before = before[len(before) - middle : len(before) - same]
        if in_before == after[len(after) - middle : len(after) - same]:
            same = middle
        else:
            most = middle - 1
    return same


def _last_word(text: str) -> str:
    """What stands behind the last white space."""
    return "" if not text or text[-1].isspace() else text.rsplit(None, 1)[-1]


def _first_word(text: str) -> str:
    """What stands before the first white space."""
    return "" if not text or text[0].isspace() else text.split(None, 1)[0]
