"""Jobs and what they wait for."""

from __future__ import annotations

from soxspipe.night.graph import build_graph, order_of_urgency
from support.night_headers import whole_night
from support.nights import planned


def test_the_longest_chain_is_most_urgent() -> None:
    nodes = build_graph(planned(whole_night()))
    urgency = order_of_urgency(nodes)
    places = {node.job.name: place for place, node in enumerate(nodes)}
    assert all(
        places[earlier] < places[node.job.name] and urgency[earlier] > urgency[node.job.name] for node in nodes for earlier in node.after
    )
    assert urgency["20260301T180000_VIS_1X1_1_MBIAS_SOXS"] >= 6  # arc, pinhole flat, flat, multi-pinhole arc, standard, science
