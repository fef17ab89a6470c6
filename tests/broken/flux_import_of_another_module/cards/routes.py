from module_sdk import ModuleRouter
from modules.wallet.services import balance

router = ModuleRouter("cards")
