"""A stand-in for the APIs of Batch CEP, Batch MEP and MoEngage; `Sandbox` is where to begin."""

from .account import Account
from .faults import Fault
from .generate import make_account
from .limits import Limits
from .messages import ENDPOINTS, Request
from .server import Sandbox
from .truth import PRIMARY_KEYS

__all__ = ["ENDPOINTS", "PRIMARY_KEYS", "Account", "Fault", "Limits", "Request", "Sandbox", "make_account"]
