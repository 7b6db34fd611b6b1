"""Self-attention over a user's newest items, trained to guess the newest from those before it (after SASRec)."""

from pydantic import Field

from selfrec.plugin import EpochOptions, FeatureExtractor, hookimpl


class Options(EpochOptions):
    width: int = Field(32, ge=1, le=1024, description="Features a user.")
    length: int = Field(20, ge=1, le=200, description="Newest items that are looked at.")
    epochs: int = Field(40, ge=1, le=10_000, description="Most passes over the training histories.")
    learning_rate: float = Field(0.01, gt=0, le=10, description="AdamW's peak learning rate.")
    batch_size: int = Field(64, ge=1, description="Users in a training batch.")


def build(options, sizes):
    import torch
    from torch.nn import functional

    from selfrec.plugin import newest

    class LastItems(torch.nn.Module):
        width = options.width

        def __init__(self):
            super().__init__()
            self.items = torch.nn.Embedding(sizes.items + 1, options.width, padding_idx=sizes.items)
            self.places = torch.nn.Parameter(torch.zeros(options.length, options.width))
            self.attention = torch.nn.Linear(options.width, 3 * options.width)
            torch.nn.init.normal_(self.items.weight, std=options.width**-0.5)

        def attend(self, batch):
            """The output of the newest of `length` slots, float32[B, width]; 0 for an empty history."""
            query, key, value = self.attention(self.items(batch.history) + self.places).chunk(3, dim=2)
            likeness = (query[:, -1:] * key).sum(2) / options.width**0.5 + batch.weights.clamp_min(1e-9).log()
            shares = torch.softmax(likeness, dim=1) * (batch.weights > 0)
            return torch.matmul(shares.unsqueeze(1), value + self.items(batch.history)).squeeze(1)

        def extract(self, batch):
            return self.attend(newest(batch, options.length, sizes.items))

        def training_loss(self, batch):
            """Cross-entropy of the newest item, told from the `length` before it."""
            seen = newest(batch, options.length + 1, sizes.items)
            before = seen._replace(history=seen.history[:, :-1], weights=seen.weights[:, :-1], ages=seen.ages[:, :-1])
            guess = self.attend(before) @ self.items.weight[:-1].T
            return functional.cross_entropy(guess * options.width**0.5, seen.history[:, -1], ignore_index=sizes.items)

    return LastItems()


@hookimpl
def selfrec_feature_extractors():
    yield FeatureExtractor(name="last-items", summary="Attention over the newest items.", options=Options, build=build)
