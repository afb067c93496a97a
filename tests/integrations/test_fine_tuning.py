"""Healthy fine-tuning is silent: adapters in a frozen network, and a head on a frozen backbone."""

import importlib.util

import pytest
import torch
from torch import nn

import lifesigns
from lifesigns.records import Severity

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error:::lifesigns"),
]
EPOCHS, ROWS, BATCH = 30, 64, 16


def alarms(findings):
    return [(f.rule, f.symptom) for f in findings if f.severity is not Severity.NOTE]


class Sentences(torch.utils.data.Dataset):
    """Tokens, of which the fourth decides."""

    def __init__(self):
        torch.manual_seed(1)
        self.tokens = torch.randint(0, 50, (ROWS, 12))
        self.labels = (self.tokens[:, 3] > 25).long()

    def __len__(self):
        return ROWS

    def __getitem__(self, i):
        return {"input_ids": self.tokens[i], "labels": self.labels[i]}


@pytest.mark.skipif(not importlib.util.find_spec("peft"), reason="peft is not installed")
def test_lora_on_a_transformer_is_silent_and_its_adapters_are_named(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from lifesigns.integrations.huggingface import LifesignsCallback

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, num_labels=2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    adapters = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"])
    model = get_peft_model(BertForSequenceClassification(config), adapters)
    arguments = TrainingArguments(
        tmp_path, use_cpu=True, report_to=[], num_train_epochs=EPOCHS, learning_rate=1e-2,
        lr_scheduler_type="constant",
        per_device_train_batch_size=BATCH, disable_tqdm=True, save_strategy="no",
        logging_strategy="no",
    )  # fmt: skip

    eye = LifesignsCallback(show=False)
    Trainer(model, arguments, train_dataset=Sentences(), callbacks=[eye]).train()

    report = eye.report
    assert alarms(report.findings) == []
    assert report.ok
    assert report.trace.steps == EPOCHS * ROWS // BATCH
    names = [p.name for p in report.trace.snapshots[0].parameters if p.trainable]
    assert any(name.endswith("query.lora_A.default.weight") for name in names)
    assert not any(name.endswith("query.base_layer.weight") for name in names)


def test_a_head_on_a_frozen_backbone_is_silent():
    torch.manual_seed(0)
    x, y = torch.randn(256, 16), torch.randint(0, 3, (256,))
    backbone = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
    model = nn.Sequential(backbone.requires_grad_(False), nn.Linear(32, 3))
    y = torch.where(x[:, 0] > 0.5, 0, torch.where(x[:, 1] > 0, 1, 2)) + 0 * y
    optimizer = torch.optim.Adam(model[1].parameters(), 0.01)

    with lifesigns.watch(model, optimizer) as watcher:
        for i in range(0, 256 * 12, 32):
            rows = slice(i % 256, i % 256 + 32)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()

    assert alarms(watcher.findings) == []
