from module_sdk import ModuleRouter

router = ModuleRouter("cards"
