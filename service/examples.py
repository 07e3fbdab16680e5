"""Requests of each operation; the answer to the first of them is in service/example_answers.py.

Path and query parameters have their names; what is a dict is a body, by what it is an example of.
"""

REQUESTS: dict[str, dict[str, object]] = {
    "recommend": {
        "the best": {"history": ["a", "who"], "n": 2},
        "weights, a filter and an explanation": {
            "history": ["a", {"item_id": "d", "weight": -0.5}],
            "n": 2,
            "filter": {"and": [{"in": {"genres": ["Comedy", "War"]}}, {"range": {"year": {"from": 1980}}}]},
            "explain": True,
        },
        "steered, and no two of one segment": {
            "history": ["a"],
            "steer": [{"segment_id": "s2", "strength": 1.5}],
            "max_per_segment": 1,
        },
    },
    "recommend_batch": {
        "two, of which one is wrong": {"requests": [{"history": ["a"], "n": 1}, {"history": ["a"], "n": 0}]},
    },
    "rank_segments": {
        "the best": {"history": ["d"], "n": 2},
        "one of them explained": {"history": ["d"], "segments": ["s2"], "explain": True},
    },
    "list_segments": {"q": "com", "n": 2},
    "recommend_in_segment": {"segment_id": "s1", "all of a shelf": {"history": ["c"], "n": 2}},
    "similar_segments": {"segment_id": "s1", "n": 1},
    "read_segment": {"segment_id": "s2", "n": 1},
    "read_segment_tree": {"segment_id": "s2"},
    "homepage": {
        "a page": {"history": ["d"], "min_items": 1, "items_per_shelf": 1, "shelves": 2},
        "steered, capped and explained": {
            "history": ["d"],
            "min_items": 1,
            "steer": [{"segment_id": "s1", "strength": 0.5}],
            "max_per": {"country": 2},
            "lead": "because",
            "explain": True,
        },
    },
    "read_profile": {
        "of two films, steered": {"history": ["a", "d", "who"], "steer": [{"segment_id": "s1", "strength": 0.5}]},
    },
    "read_history": {"user_id": "u1"},
    "replace_history": {"user_id": "u1", "two films": {"history": ["a", {"item_id": "d", "weight": -0.5}]}},
    "forget_history": {"user_id": "u1"},
    "add_events": {
        "user_id": "u1",
        "one": {"events": [{"event_id": "e1", "item_id": "a", "at": "2026-05-01T12:00:00Z"}]},
    },
    "read_deny_list": {},
    "change_deny_list": {"one away, one back": {"add": ["c"], "remove": ["d"]}},
    "reload": {},
    "find_items": {"q": "boot", "n": 2},
    "similar_items": {"item_id": "c", "n": 1},
    "read_item": {"item_id": "a"},
    "list_samples": {},
    "read_items": {
        "two, of which one is unknown": {"item_ids": ["a", "who"]},
        "codes": {"item_ids": ["c"], "code": True},
    },
    "read_dim": {"dim": 1, "n": 1},
    "read_model": {},
    "read_metrics": {},
    "health_live": {},
    "health_ready": {},
}
