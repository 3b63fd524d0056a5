"""Questions as dots: a filled dot got an answer, an open one is still waiting."""

from leerstroom.publishing.charts.drawing import Maker, Plane, Spec

_PITCH = 17


def dots(asked: int, answered: int, each: int) -> Maker:
    """A dot for every `each` questions, in reading order."""

    def make(width: int) -> Spec:
        count = max(1, round(asked / each))
        filled = round(count * answered / asked) if asked else 0
        across = int(width // _PITCH)
        places = [{"x": n % across * _PITCH + _PITCH / 2, "y": n // across * _PITCH} for n in range(count)]
        plane = Plane(width, -_PITCH / 2, ((count - 1) // across + 0.5) * _PITCH)
        plane.points(places[:filled], "answered", size=120)
        plane.points(places[filled:], "answered", size=95, filled=False, strokeWidth=1.6)
        return plane.done()

    return make
