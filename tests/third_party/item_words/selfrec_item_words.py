"""What a user's items are called: hashed words, rare ones counting more. Works for items that nobody has chosen yet."""

import math
import re
import zlib
from collections import Counter

from pydantic import Field

from selfrec.plugin import FeatureExtractor, PartOptions, hookimpl


class Options(PartOptions):
    width: int = Field(32, ge=1, le=4096, description="Features a user: buckets that words are hashed into.")
    column: str | None = Field(None, description="Column of `fit --items` with the text. Unset: the first of text.")
    vectors: str | None = Field(None, description="Column with an embedding (FLOAT[]) to use instead of words.")


def build(options, sizes):
    import torch

    from selfrec.plugin import pool

    class ItemWords(torch.nn.Module):
        width = options.width

        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.zeros(sizes.items + 1, options.width))

        def extract(self, batch):
            """float32[B, width], the weighted mean of the items' vectors."""
            return pool(self.table, batch.history, batch.weights) / batch.weights.sum(1, keepdim=True).clamp_min(1e-6)

    return ItemWords()


def train(module, fitting):
    import torch

    if fitting.options.vectors is not None:
        given = torch.from_numpy(fitting.catalog.vectors(fitting.options.vectors))
        main = torch.linalg.svd(given - given.mean(0), full_matrices=False)
        kept = min(module.width, len(main.S))
        module.table[:-1, :kept] = main.U[:, :kept] * main.S[:kept]
        return
    texts = [re.findall(r"\w+", text.lower()) for text in fitting.catalog.texts(fitting.options.column)]
    known = Counter(word for words in texts for word in set(words))
    for number, words in enumerate(texts):
        for word in words:
            code = zlib.crc32(word.encode())
            module.table[number, code % module.width] += (1 if code & 1 << 31 else -1) * math.log1p(
                len(texts) / known[word]
            )
    module.table.copy_(torch.nn.functional.normalize(module.table, dim=1))


@hookimpl
def selfrec_feature_extractors():
    yield FeatureExtractor(
        name="item-words", summary="The words of a user's items.", options=Options, build=build, trainer=train
    )
