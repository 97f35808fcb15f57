"""Consoles of Lightning, made up, and what they say; `lightning_console` reads them."""

from __future__ import annotations

from copilot_analytics.formats._base import Sample
from copilot_analytics.records import Record

SAMPLES: tuple[Sample, ...] = (
    Sample(
        """\
Epoch 0: |          | 0/? [00:00<?, ?it/s]
Epoch 0: |          | 1/? [00:20<00:00,  0.05it/s, v_num=0, train_loss=4.50]
Epoch 0: |          | 2/? [00:40<00:00,  0.05it/s, v_num=0, train_loss=4.25]
Epoch 1: |          | 1/? [00:20<00:00,  0.05it/s, v_num=0, train_loss=4.00]
""",
        (
            Record("train", 1, time=20.0, metrics={"train_loss": 4.5}, line=2),
            Record("train", 2, time=40.0, metrics={"train_loss": 4.25}, line=3),
            Record("train", 3, time=60.0, metrics={"train_loss": 4.0}, line=4),
        ),
    ),
    Sample(
        """\
Epoch 0: 2it [00:01,  2.00it/s, loss=1.5, v_num=3]
""",
        (Record("train", 2, time=1.0, metrics={"loss": 1.5}, line=1),),
    ),
    Sample(
        """\
Sanity Checking DataLoader 0: 100%|###| 2/2 [00:00<00:00, 9.1it/s]
Epoch 0:   0%|   | 0/4 [00:00<?, ?it/s]
Epoch 0:  50%|## | 2/4 [00:02<00:02, 1.0it/s]
Epoch 0:  50%|## | 2/4 [00:02<00:02, 1.0it/s, v_num=0, train_loss=0.750]
Epoch 0: 100%|###| 4/4 [00:04<00:00, 1.0it/s, v_num=0, train_loss=0.500]
Validation DataLoader 0: 100%|###| 2/2 [00:00<00:00, 9.1it/s]
Epoch 0: 100%|###| 4/4 [00:05<00:00, 1.0it/s, v_num=0, train_loss=0.500, val_loss=0.625]
Epoch 0, global step 4: 'val_loss' reached 0.62500 (best 0.62500), saving model to 'toy/a.ckpt' \
as top 1
Epoch 1:  50%|## | 2/4 [00:02<00:02, 1.0it/s, v_num=0, train_loss=0.250, val_loss=0.625]
`Trainer.fit` stopped: `max_epochs=2` reached.
""",
        (
            Record("config", facts={"steps_per_epoch": 4}, line=4),
            Record("train", 2, 0.5, 2.0, {"train_loss": 0.75}, line=4),
            Record("checkpoint", 4, facts={"path": "toy/a.ckpt", "best_metric": 0.625}, line=8),
            Record("train", 4, 1.0, 5.0, {"train_loss": 0.5}, line=7),
            Record("eval", 4, 1.0, 5.0, {"val_loss": 0.625}, {"split": "val"}, 7),
            Record("train", 6, 1.5, 7.0, {"train_loss": 0.25}, line=9),
            Record("config", facts={"planned_epochs": 2}, line=10),
            Record("end", line=10),
        ),
    ),
    Sample(
        """\
Epoch 0: 100%|###| 4/4 [00:04<00:00, 1.0it/s, v_num=0, train_loss=0.5, val/acc=0.25]Monitored \
metric val/acc did not improve in the last 3 records. Best score: 0.500. Signaling Trainer to stop.\
########| 7/7 [00:01<00:00, 94.11it/s]
Epoch 0: 100%|###| 4/4 [00:05<00:00, 1.0it/s, v_num=0, train_loss=0.5, val/acc=0.25]
`Trainer.fit` stopped: `max_epochs=1` reached.
""",
        (
            Record("config", facts={"steps_per_epoch": 4}, line=2),
            Record("train", 4, 1.0, 5.0, {"train_loss": 0.5}, line=2),
            Record("eval", 4, 1.0, 5.0, {"val/acc": 0.25}, {"split": "val"}, 2),
            Record("end", line=1),
            Record("config", facts={"planned_epochs": 1}, line=3),
            Record("end", line=3),
        ),
    ),
    Sample(
        """\
Epoch 0, global step 4: 'val_loss' reached 0.62500 (best 0.62500), saving model to 'toy/a.ckpt' \
as top 1
`Trainer.fit` stopped: `max_epochs=2` reached.
Epoch 1/1  ━━━━━━━━━━━━━━━━━━ 4/4 0:00:01 • 0:00:00 9.50it/s v_num: 0.000
                                                             train_loss: 0.250
                                                             val_loss:
                                                             0.500
""",
        (
            Record("checkpoint", 4, facts={"path": "toy/a.ckpt"}, line=1),
            Record("eval", 4, 1.0, metrics={"val_loss": 0.625}, line=1),
            Record("config", facts={"planned_epochs": 2}, line=2),
            Record("end", line=2),
            Record("config", facts={"steps_per_epoch": 4}, line=3),
            Record("train", 8, 2.0, metrics={"train_loss": 0.25}, line=3),
            Record("eval", 8, 2.0, metrics={"val_loss": 0.5}, line=3),
        ),
    ),
    Sample(
        """\
GPU available: True, used: True
Epoch 0:  40%|## | 2/5 [00:02<00:03, 1.0it/s, loss=nan.0, v_num=1]
Validating:   0%|   | 0/3 [00:00<?, ?it/s]
Epoch 0:  60%|## | 3/5 [00:03<00:02, 1.0it/s, loss=nan.0, v_num=1]
Validating:  33%|   | 1/3 [00:00<?, ?it/s]
Epoch 0: 100%|###| 5/5 [00:05<00:00, 1.0it/s, loss=nan.0, v_num=1, val_acc=0.25]
Epoch 1:  20%|## | 1/5 [00:01<00:04, 1.0it/s, loss=0.5, v_num=1, val_acc=0.25]
""",
        (
            Record("config", facts={"steps_per_epoch": 2}, line=2),
            Record("train", 2, 1.0, metrics={"loss": float("nan")}, line=2),
            Record("eval", 2, 1.0, metrics={"val_acc": 0.25}, line=2),
            Record("train", 3, 1.5, metrics={"loss": 0.5}, line=7),
        ),
    ),
)
