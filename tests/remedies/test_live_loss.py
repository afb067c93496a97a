"""Edits of a live run: losses, their arguments and terms."""

import pytest
import torch
from small_run import batch
from torch import nn
from torch.nn import functional as F

from lifesigns.remedies.invert_weights import InvertWeights
from lifesigns.remedies.log_input import LogInput
from lifesigns.remedies.match_shapes import MatchShapes
from lifesigns.remedies.mean_reduction import MeanReduction
from lifesigns.remedies.name_blank import NameBlank
from lifesigns.remedies.scale_logits import ScaleLogits
from lifesigns.remedies.sign_targets import SignTargets
from lifesigns.remedies.standardise_targets import StandardiseTargets
from lifesigns.remedies.sum_of_sizes import SumOfSizes
from lifesigns.remedies.swap_loss import SwapLoss
from lifesigns.remedies.transpose_target import TransposeTarget
from lifesigns.remedies.weigh_terms import WeighTerms


def test_targets_are_standardised_by_the_first_batch(run):
    output, target = torch.zeros(8, 1), torch.arange(8.0).view(8, 1)

    with StandardiseTargets().apply(run):
        first = F.mse_loss(output, target)
        later = nn.MSELoss()(output, target + target.std())

    assert first.item() == pytest.approx(7 / 8)
    assert later.item() == pytest.approx(1 + 7 / 8)


def test_another_loss_is_computed_of_the_same_arguments(run):
    output, target = torch.rand(8, 1), torch.rand(8, 1)
    edit = SwapLoss("mse_loss", "binary_cross_entropy")

    with edit.apply(run):
        found = [F.mse_loss(output, target), nn.MSELoss()(output, target)]
        other = F.l1_loss(output, target)

    assert found == [F.binary_cross_entropy(output, target)] * 2
    assert other == F.l1_loss(output, target)


def test_one_side_of_a_sum_counts_less_where_it_can_be_told(run):
    x, y = batch()
    out = run.model(x)
    fit, penalty = F.mse_loss(out, y), 3 * out.exp().mean()

    with WeighTerms("mse_loss", 0.5).apply(run), WeighTerms("l1_loss", 0.5).apply(run):
        data = fit / 2 + penalty
    with WeighTerms("mse_loss", 0.5, other=True).apply(run):
        others = [
            fit - penalty,
            penalty + fit + penalty,
            fit + fit,
            fit.detach() + penalty.detach(),
        ]

    assert data == 0.25 * fit + penalty
    expected = [fit - penalty / 2, fit + penalty, 2 * fit, fit + penalty]
    assert torch.allclose(torch.stack(others), torch.stack(expected))


def test_targets_become_signs_and_logits_sharper(run):
    a, b, alike = torch.randn(8, 3), torch.randn(8, 3), torch.arange(8) % 2
    signs = 2 * alike - 1

    with SignTargets("cosine_embedding_loss").apply(run), ScaleLogits(10.0).apply(run):
        found = [
            nn.CosineEmbeddingLoss()(a, b, alike),
            F.cosine_embedding_loss(a, b, target=alike),
            F.cross_entropy(input=a, target=alike),
            nn.CrossEntropyLoss()(a, alike),
        ]

    expected = [F.cosine_embedding_loss(a, b, signs), F.cross_entropy(10 * a, alike)]
    assert torch.equal(torch.stack(found), torch.stack(expected).repeat_interleave(2))


def test_losses_of_logarithms_get_some(run):
    logits, wanted = torch.randn(8, 3), torch.rand(8, 3).softmax(1)
    text, sizes = torch.ones(1, 2).long(), (torch.tensor([8]), torch.tensor([2]))
    log_p = logits.log_softmax(1)

    with LogInput("kl_div").apply(run), LogInput("ctc_loss", logits=True).apply(run):
        divergence = nn.KLDivLoss(reduction="sum")(logits.softmax(1), wanted)
        alignment = F.ctc_loss(
            log_probs=logits.unsqueeze(1),
            targets=text,
            input_lengths=sizes[0],
            target_lengths=sizes[1],
        )
    with LogInput("poisson_nll_loss").apply(run):
        counts = nn.PoissonNLLLoss()(wanted, wanted)

    assert torch.allclose(divergence, F.kl_div(log_p, wanted, reduction="sum"))
    assert torch.allclose(alignment, F.ctc_loss(log_p.unsqueeze(1), text, *sizes))
    assert counts == F.poisson_nll_loss(wanted, wanted, log_input=False)


def test_a_flat_target_meets_each_output_once(run):
    output, target = torch.rand(8, 1), torch.rand(8)
    expected = F.mse_loss(output.flatten(), target)

    with MatchShapes((1,), ()).apply(run):
        found = [
            F.mse_loss(output, target),
            nn.MSELoss()(output, target),
            ((output - target) ** 2).mean(),
            ((target - output) ** 2).mean(),
            (output.neg() + target).square().mean(),
            ((output - target.view(1, -1)) ** 2).mean(),
        ]
        product, quotient = target * output, target / output

    assert torch.allclose(torch.stack(found), expected)
    assert torch.equal(product, target * output.flatten())
    assert torch.equal(quotient, target / output.flatten())


def test_a_sum_becomes_a_mean_and_a_mean_stays(run):
    output, target = torch.rand(8, 1), torch.rand(8, 1)
    expected = F.mse_loss(output, target)

    with MeanReduction().apply(run):
        assert nn.MSELoss(reduction="sum")(output, target) == expected
        assert F.mse_loss(output, target) == expected


def test_weights_of_classes_are_inverted_and_keep_their_mean(run):
    scores, labels = torch.randn(8, 2), torch.tensor([0, 1] * 4)
    often = torch.tensor([0.9, 0.1])
    rare = torch.tensor([0.1, 0.9])

    with InvertWeights().apply(run):
        built = nn.CrossEntropyLoss(often, reduction="sum")(scores, labels)
        called = F.cross_entropy(scores, labels, often)
        plain = F.cross_entropy(scores, labels)

    assert torch.allclose(built, F.cross_entropy(scores, labels, rare, reduction="sum"))
    assert torch.allclose(called, F.cross_entropy(scores, labels, rare))
    assert torch.equal(plain, F.cross_entropy(scores, labels))


def test_the_weight_of_positives_becomes_its_inverse(run):
    scores, target = torch.randn(8), torch.tensor([0.0, 1.0] * 4)
    loss = F.binary_cross_entropy_with_logits

    with InvertWeights().apply(run):
        found = loss(scores, target, pos_weight=torch.tensor(0.25))

    assert torch.allclose(found, loss(scores, target, pos_weight=torch.tensor(4.0)))


def test_sums_of_weights_are_sums_of_sizes_where_gradients_are_taken(run):
    weight, bias = run.model.first.weight, run.model.first.bias
    sizes = weight.detach().abs().sum()

    with SumOfSizes().apply(run):
        found, other = weight.sum(), bias.sum()
        with torch.no_grad():
            read = weight.sum()

    assert torch.equal(found, sizes)
    assert torch.equal(other, bias.detach().sum())
    assert torch.equal(read, weight.detach().sum())


def test_a_target_is_transposed_before_it_is_compared(run):
    output, target = torch.rand(4, 4), torch.rand(4, 4)

    with TransposeTarget("mse_loss", 0, 1).apply(run):
        found = [F.mse_loss(output, target), nn.MSELoss()(output, target=target)]

    assert found == [F.mse_loss(output, target.T)] * 2


def test_the_blank_is_the_class_that_is_named(run):
    rows, labels = torch.randn(6, 3, 5).log_softmax(2), torch.tensor([[0, 1], [2, 0], [3, 3]])
    lengths = [6] * 3, [2] * 3

    with NameBlank(4).apply(run):
        found = [F.ctc_loss(rows, labels, *lengths), nn.CTCLoss(blank=0)(rows, labels, *lengths)]

    assert found == [F.ctc_loss(rows, labels, *lengths, blank=4)] * 2
