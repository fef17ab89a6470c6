import modules
from ... import wallet
