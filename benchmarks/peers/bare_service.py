"""What the service is compared with: FastAPI with the same models of requests and answers, and nothing behind them.

python -m benchmarks.peers.bare_service PORT [--redis URL] [--implicit FOLDER --artifacts FOLDER]

/recommend answers with 20 items that are always the same; /homepage with what one GET of Redis finds. With --implicit
(a folder that holds the package, `pip install --no-deps --target FOLDER implicit`) /recommend folds the history into an
ALS model with as many factors as our items have weights, trained on nothing: only its time counts.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import redis.asyncio
import scipy.sparse as sp
import uvicorn
from fastapi import FastAPI, Response

from index import artifact
from index.model import Model
from service.answers import Item, RecommendAnswer
from service.listening import bound_socket
from service.requests import HomepageRequest, RecommendRequest

PAGE = "bare-page"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--redis")
    parser.add_argument("--implicit", type=Path)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    options = parser.parse_args()
    app = FastAPI()
    model = artifact.open_current(options.artifacts).model
    if options.implicit is None:
        _bare(app, model)
    else:
        sys.path.append(str(options.implicit))
        _implicit(app, model)
    if options.redis is not None:
        _stored(app, options.redis)
    listening = bound_socket("127.0.0.1", options.port)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None)).run(sockets=[listening])


def _bare(app: FastAPI, model: Model) -> None:
    items = [
        Item(
            item_id=model.vocabulary.item_id(row),
            title=model.catalog.title(row),
            score=0.5,
            rank=row + 1,
            source="profile",
        )
        for row in range(20)
    ]

    @app.post("/recommend")
    async def recommend(body: RecommendRequest) -> RecommendAnswer:
        return RecommendAnswer(model_version="bare", items=items, unknown_items=[], shortfall=None)


def _implicit(app: FastAPI, model: Model) -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    n_items, factors = model.embedding.n_items, model.embedding.k
    als = AlternatingLeastSquares(factors=factors, num_threads=1)
    rng = np.random.default_rng(0)
    als.item_factors = rng.normal(size=(n_items, factors)).astype(np.float32)
    als.user_factors = rng.normal(size=(1, factors)).astype(np.float32)
    ids = [model.vocabulary.item_id(row) for row in range(n_items)]
    row_of = {item_id: row for row, item_id in enumerate(ids)}

    @app.post("/recommend")
    def recommend(body: RecommendRequest) -> RecommendAnswer:
        rows = sorted(row_of[item_id] for item_id in body.weights() if item_id in row_of)
        history = sp.csr_matrix((np.ones(len(rows), np.float32), rows, [0, len(rows)]), shape=(1, n_items))
        found, scores = als.recommend(0, history, N=body.n, recalculate_user=True)
        items = [
            Item(item_id=ids[row], title=model.catalog.title(row), score=score, rank=rank, source="profile")
            for rank, (row, score) in enumerate(zip(found.tolist(), scores.tolist(), strict=True), start=1)
        ]
        return RecommendAnswer(model_version="implicit", items=items, unknown_items=[], shortfall=None)


def _stored(app: FastAPI, url: str) -> None:
    store: Any = redis.asyncio.Redis.from_url(url)

    @app.post("/homepage")
    async def homepage(body: HomepageRequest) -> Response:
        return Response(await store.get(PAGE), media_type="application/json")


if __name__ == "__main__":
    main()
