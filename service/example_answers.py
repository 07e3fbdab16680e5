"""The answer to the first example of each operation (service/examples.py), from a model of six films."""

ANSWERS: dict[str, object] = {
    "read_profile": {
        "model_version": "films-e9842b6eb60a",
        "source": "profile",
        "length": 2.1724,
        "dims": [
            {"dim": 0, "activation": 1.6246, "history": 0.8},
            {"dim": 1, "activation": -0.8, "history": -0.8},
            {"dim": 2, "activation": 1.2, "history": 1.2},
        ],
        "unknown_items": ["who"],
    },
    "recommend": {
        "model_version": "films-e9842b6eb60a",
        "items": [
            {"item_id": "c", "title": "Clerks", "score": 0.8, "rank": 1, "source": "profile"},
            {"item_id": "b", "title": "Brazil", "score": 0.48, "rank": 2, "source": "profile"},
        ],
        "unknown_items": ["who"],
        "shortfall": None,
    },
    "recommend_batch": {
        "model_version": "films-e9842b6eb60a",
        "results": [
            {
                "status": 200,
                "answer": {
                    "model_version": "films-e9842b6eb60a",
                    "items": [{"item_id": "c", "title": "Clerks", "score": 0.8, "rank": 1, "source": "profile"}],
                    "unknown_items": [],
                    "shortfall": None,
                },
            },
            {
                "status": 422,
                "problem": {
                    "type": "about:blank",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "check n: Input should be greater than or equal to 1",
                    "code": "INVALID_REQUEST",
                    "request_id": "5f0c2e9a7b1d4c38",
                    "errors": [{"field": "n", "message": "Input should be greater than or equal to 1"}],
                },
            },
        ],
    },
    "rank_segments": {
        "model_version": "films-e9842b6eb60a",
        "segments": [
            {"segment_id": "s2", "label": "War", "score": 0.8, "rank": 1, "size": 2, "source": "profile"},
            {"segment_id": "s1", "label": "Comedy", "score": 0.0, "rank": 2, "size": 2, "source": "profile"},
        ],
        "unknown_items": [],
    },
    "list_segments": {
        "model_version": "films-e9842b6eb60a",
        "segments": [
            {"segment_id": "s1", "label": "Comedy", "size": 2, "n_guests": 1, "coherence": 0.8},
        ],
        "n_matching": 1,
    },
    "recommend_in_segment": {
        "model_version": "films-e9842b6eb60a",
        "items": [
            {"item_id": "a", "title": "Airplane!", "score": 0.8, "rank": 1, "source": "profile"},
            {"item_id": "b", "title": "Brazil", "score": 0.6, "rank": 2, "source": "profile"},
        ],
        "unknown_items": [],
        "shortfall": None,
        "segment_id": "s1",
        "label": "Comedy",
    },
    "similar_segments": {
        "model_version": "films-e9842b6eb60a",
        "segment_id": "s1",
        "segments": [
            {
                "segment_id": "s3",
                "label": "Gloom",
                "size": 1,
                "n_guests": 0,
                "coherence": None,
                "score": 0.5607,
                "rank": 1,
            }
        ],
    },
    "read_segment": {
        "model_version": "films-e9842b6eb60a",
        "segment_id": "s2",
        "label": "War",
        "size": 2,
        "n_guests": 1,
        "coherence": 0.8,
        "signed_dims": [{"dim": 1, "sign": -1}],
        "items": [{"item_id": "d", "title": "Das Boot", "popularity": 0.2}],
    },
    "read_segment_tree": {
        "model_version": "films-e9842b6eb60a",
        "segment_id": "s2",
        "label": "War",
        "groups": [
            {
                "node": 0,
                "dim": 1,
                "sign": -1,
                "n_items": 2,
                "items": [
                    {"item_id": "d", "title": "Das Boot", "popularity": 0.2},
                    {"item_id": "e", "title": None, "popularity": 0.1},
                ],
            },
            {"node": 1, "dim": 2, "sign": 1, "n_items": 0, "items": []},
            {"node": 2, "dim": 3, "sign": 1, "n_items": 0, "items": []},
        ],
        "merges": [
            {"node": 3, "first": 0, "second": 2, "cosine": 0.75, "n_items": 2},
            {"node": 4, "first": 3, "second": 1, "cosine": 0.5, "n_items": 2},
        ],
    },
    "homepage": {
        "model_version": "films-e9842b6eb60a",
        "shelves": [
            {
                "kind": "top_picks",
                "segment_id": None,
                "label": "Top picks",
                "reason": "What suits you best of everything",
                "items": [{"item_id": "e", "title": None, "score": 0.8, "rank": 1, "source": "profile"}],
            },
            {
                "kind": "segment",
                "segment_id": "s1",
                "label": "Comedy",
                "reason": "Because of Das Boot",
                "items": [{"item_id": "a", "title": "Airplane!", "score": 0.36, "rank": 1, "source": "profile"}],
            },
        ],
        "unknown_items": [],
    },
    "find_items": {
        "model_version": "films-e9842b6eb60a",
        "items": [{"item_id": "d", "title": "Das Boot", "popularity": 0.2}],
        "n_matching": 1,
    },
    "similar_items": {
        "model_version": "films-e9842b6eb60a",
        "item_id": "c",
        "items": [{"item_id": "a", "title": "Airplane!", "score": 0.8, "rank": 1, "source": "profile"}],
    },
    "read_item": {
        "model_version": "films-e9842b6eb60a",
        "item_id": "a",
        "title": "Airplane!",
        "popularity": 0.5,
        "attributes": {"year": 1980.0, "country": "US", "genres": ["Comedy"], "poster": "https://example.org/a.jpg"},
        "segment": {"segment_id": "s1", "label": "Comedy"},
        "guest_of": [{"segment_id": "s2", "label": "War"}],
        "coded": True,
        "dims": [{"dim": 0, "weight": 0.8}, {"dim": 2, "weight": 0.6}],
    },
    "list_samples": {
        "model_version": "films-e9842b6eb60a",
        "samples": [
            {
                "sample_id": "1",
                "item_ids": ["a", "b", "c"],
                "items": [
                    {"item_id": "a", "title": "Airplane!", "popularity": 0.5},
                    {"item_id": "b", "title": "Brazil", "popularity": 0.4},
                    {"item_id": "c", "title": "Clerks", "popularity": 0.3},
                ],
            },
            {
                "sample_id": "2",
                "item_ids": ["d", "f"],
                "items": [
                    {"item_id": "d", "title": "Das Boot", "popularity": 0.2},
                    {"item_id": "f", "title": "Fog", "popularity": 0.05},
                ],
            },
        ],
    },
    "read_items": {
        "model_version": "films-e9842b6eb60a",
        "items": [
            {
                "item_id": "a",
                "title": "Airplane!",
                "popularity": 0.5,
                "attributes": {
                    "year": 1980.0,
                    "country": "US",
                    "genres": ["Comedy"],
                    "poster": "https://example.org/a.jpg",
                },
                "segment": {"segment_id": "s1", "label": "Comedy"},
                "guest_of": [{"segment_id": "s2", "label": "War"}],
                "coded": True,
                "dims": None,
            }
        ],
        "unknown_items": ["who"],
    },
    "read_dim": {
        "model_version": "films-e9842b6eb60a",
        "dim": 1,
        "sides": [
            {"sign": 1, "n_items": 0, "segments": [], "items": []},
            {
                "sign": -1,
                "n_items": 2,
                "segments": [{"segment_id": "s2", "label": "War"}],
                "items": [{"item_id": "e", "title": None, "popularity": 0.1, "weight": -1.0}],
            },
        ],
    },
    "read_model": {
        "model_version": "films-e9842b6eb60a",
        "n_items": 6,
        "n_dims": 4,
        "k": 2,
        "n_segments": 3,
        "bytes_per_item": 12,
        "attributes": [
            {"name": "year", "type": "number"},
            {"name": "country", "type": "category"},
            {"name": "genres", "type": "list"},
            {"name": "poster", "type": "link"},
        ],
        "data": {},
        "metrics": {},
        "options": {},
    },
    "read_metrics": "# HELP sparseshelf_workers Workers that live\n# TYPE sparseshelf_workers gauge\n"
    "sparseshelf_workers 1.0\n",
    "health_live": {"status": "ok"},
    "health_ready": {"status": "ok", "model_version": "films-e9842b6eb60a"},
    "read_history": {
        "model_version": "films-e9842b6eb60a",
        "user_id": "u1",
        "items": [{"item_id": "a", "weight": 1.0, "at": "2026-05-01T12:00:00Z"}],
    },
    "replace_history": {
        "model_version": "films-e9842b6eb60a",
        "user_id": "u1",
        "items": [
            {"item_id": "a", "weight": 1.0, "at": "2026-05-01T12:00:00.000002Z"},
            {"item_id": "d", "weight": -0.5, "at": "2026-05-01T12:00:00.000001Z"},
        ],
    },
    "add_events": {"model_version": "films-e9842b6eb60a", "added": 1},
    "read_deny_list": {"model_version": "films-e9842b6eb60a", "items": ["d"]},
    "change_deny_list": {"model_version": "films-e9842b6eb60a", "items": ["c"]},
    "reload": {
        "model_version": "films-e9842b6eb60a",
        "workers": [{"worker": 4711, "version": "films-e9842b6eb60a", "failure": None}],
    },
}
