"""A FastVue module with everything that a manifest can say, and reading what tests write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import workspace
from xtask.diagnostics import Problems
from xtask.manifest.dialects import read_module

if TYPE_CHECKING:
    from pathlib import Path

    from xtask.manifest.module import Module

MANIFEST = """# Customers
{
    "name": "Customer Relations",
    "technical_name": "crm",
    "version": "2.1.0",
    "summary": "Leads  and\\n deals",
    "description": "# CRM\\nLong",
    "author": "Somebody",
    "website": "https://example.org",
    "license": "MIT",
    "category": "Sales",
    "application": True,
    "installable": True,
    "auto_install": ["sales"],
    "depends": ["sales", "base", "mail"],
    "excludes": ["old_crm"],
    "external_dependencies": {"python": ["pandas>=2"], "bin": ["wkhtmltopdf"]},
    "models": ["models"],
    "api": ["api"],
    "services": ["services.score"],
    "data": ["data/init.json"],
    "demo": ["data/demo.json"],
    "views": ["views/lead-form.vue"],
    "assets": {
        "routes": "static/src/routes/index.ts",
        "stores": ["static/src/stores/*.ts"],
        "components": [],
        "views": ["static/src/views/**/*.vue"],
        "styles": ["static/crm.css"],
        "locales": ["static/locales/*.json"],
        "assets": ["static/logo.svg"],
    },
    "menus": [
        {
            "name": "CRM", "path": "/crm", "icon": "mdi:account", "sequence": 20,
            "groups": [], "permission": "crm.lead.view",
            "children": [
                {"name": "Leads", "path": "/crm/leads", "viewName": "leads", "sequence": 1},
                {"name": "Deals", "path": "/crm/deals", "viewName": "deals.vue"},
            ],
        },
        {"name": "Lead", "path": "/crm/leads/:id", "parent": "/crm/leads", "hideInMenu": True,
         "viewName": "lead-form"},
        {"name": "Report", "path": "/crm/report", "parent": "CRM"},
    ],
    "pre_init_hook": "hooks.pre_init",
    "post_init_hook": "hooks.post_init",
    "uninstall_hook": "uninstall",
    "post_load_hook": None,
    "inherits": {},
    "overrides": {"sales.api.routes": "api.routes"},
    "permissions": ["crm.lead.view", "crm.lead.edit", "security/rights.csv"],
    "access_rules": ["crm.rule.own"],
}
"""
ROUTES = """from fastapi import APIRouter
router = APIRouter(prefix="/leads")

@router.get("/")
async def leads(): ...

@router.post("/{lead_id}")
async def change(lead_id: int): ...
"""
MODELS = """from sqlalchemy import Table
from app.db.base import Base

lead_tag = Table("crm_lead_tag", Base.metadata)

class Lead(Base):
    __tablename__ = "crm_leads"
"""
FILES = {
    "__init__.py": "from .hooks import uninstall\n",
    "hooks.py": "def pre_init(): ...\ndef post_init(): ...\ndef uninstall(): ...\n",
    "api/__init__.py": "from .routes import router\n",
    "api/routes.py": ROUTES,
    "models/__init__.py": "from .lead import Lead, lead_tag\n",
    "models/lead.py": MODELS,
    "services/score.py": "",
    "data/init.json": "[]",
    "data/demo.json": "[]",
    "security/rights.csv": "",
    "static/src/routes/index.ts": "export default []\n",
    "static/src/stores/leads.ts": "",
    "static/src/views/leads.vue": "",
    "static/src/views/deep/deals.vue": "",
    "static/views/lead-form.vue": "",
    "static/crm.css": "",
    "static/locales/de.json": "{}",
    "static/logo.svg": "",
}
# The smallest module.
EMPTY = {"__init__.py": ""}


def read(root: Path, manifest: str, files: dict[str, str], name: str = "crm") -> Read:
    """Write a module into an empty folder of this name and read it."""
    workspace.write(root / name, {"__manifest__.py": manifest} | files)
    problems = Problems()
    return Read(read_module(root / name, f"addons/{name}", problems), problems)


class Read:
    """What reading gave: the module, and what was noted as `code line:column message`."""

    def __init__(self, module: Module | None, problems: Problems) -> None:
        assert all(problem.help for problem in problems.found)
        self._module = module
        self.found = problems.found
        self.errors = [problem.code for problem in problems.errors]
        self.warnings = [problem.code for problem in problems.warnings]

    @property
    def module(self) -> Module:
        assert self._module
        return self._module

    @property
    def noted(self) -> list[str]:
        spans = [(problem, problem.place.span()) for problem in self.found]
        return [f"{problem.code} {at.line}:{at.column} {problem.message}" for problem, at in spans]
