"""Which language a reader wants, by the header of a request. Pure. Source: RFC 9110, 12.5.4."""

from truename.texts import Language

_MAX_CHARS = 1000


def preferred(accept_language: str) -> Language:
    """Chinese, unless the header prefers English; of two that are wanted equally, the one named first."""
    best: dict[str, tuple[float, int]] = {}
    for at, part in enumerate(accept_language[:_MAX_CHARS].split(",")):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        primary = tag.partition("-")[0]
        weight = (_weight(parameters), -at)
        if weight[0] > 0 and primary in ("zh", "en") and weight > best.get(primary, (0.0, -_MAX_CHARS)):
            best[primary] = weight
    nothing = (0.0, -_MAX_CHARS)
    return Language.ENGLISH if best.get("en", nothing) > best.get("zh", nothing) else Language.CHINESE


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0
