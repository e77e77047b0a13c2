"""Turns: who comes first rotates, and names are kept."""

from frame.turns import alternate, side_by_side


def test_alternate_rotates_the_order_and_summarises():
    order = []

    def measured(name):
        order.append(name)
        return float(len(order))

    found = alternate({name: lambda name=name: measured(name) for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"
    assert found["a"].pop("wall") >= 0
    assert found["a"] == {"median": 6.0, "min": 1.0, "max": 8.0}


def test_side_by_side_keeps_names():
    assert side_by_side(str.upper, ["a", "b", "c"]) == {"a": "A", "b": "B", "c": "C"}
