"""EASE in closed form, kept sparse: each item passes its weight on to few others (after SANSA, Spišák et al. 2023)."""

from pydantic import Field

from selfrec.plugin import Generator, PartOptions, hookimpl


class Options(PartOptions):
    ridge: float = Field(100.0, gt=0, description="lambda: added to the diagonal of the items' Gram matrix.")
    neighbours: int = Field(50, ge=1, description="Items that an item passes its weight on to, the strongest.")


def build(options, sizes):
    import torch
    from torch.nn import functional

    class SparseEase(torch.nn.Module):
        def __init__(self):
            super().__init__()
            shape = (sizes.items + 1, min(options.neighbours, sizes.items))
            self.register_buffer("near", torch.full(shape, sizes.items))
            self.register_buffer("strength", torch.zeros(shape))

        def generate(self, batch, features):
            """float32[B, N]: B is [H, N] for the items of a history; only its kept entries are added up."""
            passed = batch.weights.unsqueeze(2) * functional.embedding(batch.history, self.strength)
            scores = batch.weights.new_zeros(batch.history.shape[0], sizes.items + 1)
            return scores.scatter_add(1, self.near[batch.history].flatten(1), passed.flatten(1))[:, :-1]

    return SparseEase()


def train(module, fitting):
    """B = I - P / diag(P) with P = (X^T X + lambda I)^-1 (Steck 2019)."""
    import torch

    rows = fitting.histories
    users, items = torch.from_numpy(rows.row_numbers), torch.from_numpy(rows.items).long()
    x = torch.sparse_coo_tensor(torch.stack([users, items]), torch.ones(len(items)), (len(rows), rows.n_items))
    gram = (x.T @ x).to_dense().double()
    inverse = torch.linalg.inv(gram + fitting.options.ridge * torch.eye(rows.n_items, dtype=torch.float64))
    weights = (-inverse / inverse.diagonal()).fill_diagonal_(0)
    near = weights.abs().topk(module.near.shape[1], dim=1).indices
    module.near[:-1] = near
    module.strength[:-1] = weights.gather(1, near).float()


@hookimpl
def selfrec_generators():
    yield Generator(
        name="sparse-ease", summary="EASE with few weights an item.", options=Options, build=build, trainer=train
    )
