"""An empty torchvision: mmcv 1.x imports it, and these runs use nothing of it."""

from __future__ import annotations

__version__ = "0.0.0"
