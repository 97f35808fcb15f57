"""Samples of what the Hugging Face Trainer writes to a console."""

from __future__ import annotations

from copilot_analytics.formats._base import Sample
from copilot_analytics.records import Record

SAMPLES = (
    Sample(
        """\
***** Running training *****
  Num examples = 80
  Num Epochs = 2
  Total train batch size (w. parallel, distributed & accumulation) = 8
  Total optimization steps = 20
  0%|          | 0/20 [00:00<?, ?it/s]
{'loss': 2.5, 'grad_norm': 1.5, 'learning_rate': 0.001, 'epoch': 0.5}
 25%|##5       | 5/20 [00:05<00:15,  1.00s/it]
100%|##########| 4/4 [00:01<00:00,  4.00it/s]
{'eval_loss': 2.25, 'eval_runtime': 1.0, 'eval_samples_per_second': 8.0, 'epoch': 0.5}
 25%|##5       | 5/20 [00:06<00:18,  1.20s/it]
Saving model checkpoint to toy/checkpoint-5
{'train_runtime': 20.0, 'train_samples_per_second': 4.0, 'train_loss': 2.0, 'epoch': 2.0}
100%|##########| 20/20 [00:20<00:00,  1.00s/it]
""",
        (
            Record("config", facts={"planned_steps": 20}, line=5),
            Record("train", 5, 0.5, 5.0, {"loss": 2.5, "lr": 0.001, "grad_norm": 1.5}, line=7),
            Record("config", facts={"eval_samples": 8}, line=10),
            Record("eval", 5, 0.5, 6.0, {"eval_loss": 2.25}, {"split": "val"}, 10),
            Record("checkpoint", 5, facts={"path": "toy/checkpoint-5", "step": 5}, line=12),
            Record("end", 20, 2.0, line=13),
        ),
    ),
    Sample(
        """\
{'loss': 1.5, 'learning_rate': 2e-05, 'epoch': 0.5}
***** Running Evaluation *****
  Num examples = 1200
  Batch size = 8
{'eval_loss': 1.25, 'epoch': 0.5}
***** Running Prediction *****
  Num examples = 40
""",
        (
            Record("config", facts={"step_unit": "line"}, line=1),
            Record("train", 1, 0.5, None, {"loss": 1.5}, line=1),
            Record("config", facts={"eval_samples": 1200}, line=3),
            Record("eval", 1, 0.5, None, {"eval_loss": 1.25}, {"split": "val"}, 5),
        ),
    ),
    Sample(
        """\
{'loss': '1.5', 'grad_norm': 'nan', 'learning_rate': '2e-05', 'epoch': '0.1'}
{'eval_loss': '1.25', 'eval_runtime': '2.5', 'epoch': '0.1'}
""",
        (
            Record("config", facts={"step_unit": "line"}, line=1),
            Record("train", 1, 0.1, None, {"loss": 1.5, "grad_norm": float("nan")}, line=1),
            Record("eval", 1, 0.1, None, {"eval_loss": 1.25}, {"split": "val"}, 2),
        ),
    ),
    Sample(
        """\
100%|##########| 20/20 [00:40<00:00,  2.00s/it]
{'loss': 1.5, 'learning_rate': 2e-05, 'epoch': 0.5}
{'loss': 1.25, 'learning_rate': 1e-05, 'epoch': 1.0}
{'train_runtime': 40.25, 'train_steps_per_second': 0.497, 'train_loss': 1.375, 'epoch': 1.0}
100%|##########| 7/7 [00:01<00:00,  7.00it/s]
""",
        (
            Record("config", facts={"planned_steps": 20}, line=2),
            Record("train", 10, 0.5, None, {"loss": 1.5, "lr": 2e-05}, line=2),
            Record("train", 20, 1.0, None, {"loss": 1.25, "lr": 1e-05}, line=3),
            Record("end", 20, 1.0, line=4),
        ),
    ),
    Sample(
        """\
 50%|#####     | 10/20 [00:10<00:10,  1.00s/it]
 50%|#####     | 10/20 [00:10<00:10,  1.00s/it]{'loss': 1.5, 'learning_rate': 2e-05, 'epoch': 0.5}
{'loss': 1.25, 'learning_rate': 1e-05, 'epoch': 1.0}
  0%|          | 0/40 [00:00<?, ?it/s]
100%|##########| 40/40 [00:10<00:00,  4.00it/s]
 60%|######    | 12/20 [00:22<00:08,  1.00s/it]{'eval_loss': 1.75, 'epoch': 1.0}
 65%|######5   | 13/20 [00:23<00:07,  1.00s/it]
""",
        (
            Record("config", facts={"planned_steps": 20}, line=2),
            Record("train", 5, 0.5, None, {"loss": 1.5, "lr": 2e-05}, line=2),
            Record("train", 10, 1.0, None, {"loss": 1.25, "lr": 1e-05}, line=3),
            Record("eval", 10, 1.0, 23.0, {"eval_loss": 1.75}, {"split": "val"}, 6),
        ),
    ),
    Sample(
        """\
  25%|##5       | 10/40 [00:05<00:15,  2.00it/s]{'loss': '0.75',
  'grad_norm': '0.5', 'learning_rate': '1e-06', 'epoch':
  '0.25'}

  {'eval_loss': '0.875', 'eval_runtime':
  '1.5', 'epoch': '0.25'}
""",
        (
            Record("config", facts={"planned_steps": 40}, line=3),
            Record("train", 10, 0.25, metrics={"loss": 0.75, "lr": 1e-06}, line=3),
            Record("eval", 10, 0.25, metrics={"eval_loss": 0.875}, line=6),
        ),
    ),
    Sample(
        "[INFO|2024-03-01 10:00:00] logging.py:1 >> {'loss': 0.7500, "
        "'learning_rate': 1.0000e-06, 'epoch': 0.25, 'accuracy': 0.50, 'throughput': 100.25}\n",
        (
            Record("config", facts={"step_unit": "line"}, line=1),
            Record("train", 1, 0.25, None, {"loss": 0.75, "accuracy": 0.5, "lr": 1e-06}, line=1),
        ),
    ),
    Sample(
        """\
{'loss': 0.75, 'acc': 0.5, 'learning_rate': 1e-06, 'epoch': 0.5, 'global_step': 10}
Train:  50%|#####     | 10/20 [00:10<00:10,  1.00s/it]
{'eval_loss': 0.5, 'eval_acc': 0.75, 'eval_runtime': 0.5, 'epoch': 0.5, 'global_step': 10}
Val: 100%|##########| 5/5 [00:00<00:00, 13.27it/s]
""",
        (
            Record("train", 10, 0.5, None, {"loss": 0.75, "acc": 0.5, "lr": 1e-06}, line=1),
            Record("config", facts={"planned_steps": 20}, line=1),
            Record("eval", 10, 0.5, None, {"eval_loss": 0.5}, {"split": "val"}, 3),
        ),
    ),
    Sample(
        "{'loss': 0.75, 'acc': 0.5, 'learning_rate': 1e-06, 'epoch': 0.25, "
        "'global_step/max_steps': '10/40', 'percentage': '25.00%', 'elapsed_time': '9s'}\n",
        (
            Record("config", facts={"planned_steps": 40}, line=1),
            Record("train", 10, 0.25, None, {"loss": 0.75, "acc": 0.5, "lr": 1e-06}, line=1),
        ),
    ),
    Sample(
        """\
TrainingArguments(
logging_steps=10,
max_steps=-1,
num_train_epochs=2.0,
)
{'loss': 1.5, 'grad_norm': 2.5, 'learning_rate': 1e-05, 'epoch': 0.2}
{'loss': 1.25, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': 0.4}
{'loss': 1.125, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': 0.6}
""",
        (
            Record("config", facts={"log_interval": 10, "planned_epochs": 2}, line=6),
            Record("train", 10, 0.2, metrics={"loss": 1.5}, line=6),
            Record("train", 20, 0.4, metrics={"loss": 1.25}, line=7),
            Record("config", facts={"steps_per_epoch": 50, "planned_steps": 100}, line=8),
            Record("train", 30, 0.6, metrics={"loss": 1.125}, line=8),
        ),
    ),
)
