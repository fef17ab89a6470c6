"""Manifests of Odoo's addons, 6.1 to 18.0: read and checked as FastVue's, and never built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import workspace
from tests.support.fastvue import EMPTY, read
from xtask.diagnostics import Problems
from xtask.manifest.dialects import read_module

if TYPE_CHECKING:
    from pathlib import Path

OLD = """# -*- encoding: utf-8 -*-
# GNU Affero
{
    'name': 'Delivery Costs',
    'version': '1.0',
    'category': 'Sales Management',
    'description': \"\"\"
Delivery
========
\"\"\",
    'author': 'OpenERP SA',
    'depends': ['sale', 'purchase'],
    'init_xml': ['security/ir.model.access.csv'],
    'update_xml': ['delivery_view.xml'],
    'demo_xml': [],
    'test': ['test/delivery.yml'],
    'js': ['static/src/js/x.js'], 'css': [], 'qweb': [], 'img': [],
    'installable': True,
    'active': False,
    'certificate': '001',
    'complexity': 'easy',
    'images': ['images/x.png'],
    'web': True,
    'bootstrap': True,
    'post_load': 'post_load',
    'shortdesc': 'Delivery',
    'url': 'https://example.org',
}
"""
NEW = """{
    'name': 'Theme', 'name_vi_VN': 'Giao', 'summary': "A theme",
    'version': '18.0.1.2.3',
    'license': 'LGPL-3',
    'author': ['A', 'B'], 'maintainer': 'C', 'maintainers': ['D'], 'contributors': ['E'],
    'website': 'https://example.org', 'support': 'help@example.org',
    'live_test_url': 'https://example.org', 'development_status': 'Beta',
    'price': 9.9, 'currency': 'EUR', 'sequence': 5, 'icon': '/theme/static/icon.png',
    'images': [], 'images_preview_theme': {'website.x': 'y'}, 'cloc_exclude': ['**/*'],
    'countries': ['vn'], 'old_technical_name': 'to_theme',
    'new_page_templates': {'a': {}}, 'snippet_lists': {'homepage': ['s_cover']},
    'theme_customizations': {'a.b': {'data_attributes': {'gap': '3'}}},
    'configurator_snippets': {'homepage': ['s_cover', ('x.y', 'after', 's_banner')]},
    'depends': ['website'],
    'auto_install': ['website'],
    'assets': {
        'web.assets_backend': [
            'theme/static/src/**/*',
            ('include', 'web._assets_bootstrap'),
            ('remove', 'web/static/a.js'),
            ('after', 'web/static/a.scss', 'theme/static/b.scss'),
            ('before', 'web/static/a.scss', 'theme/static/b.scss'),
            ('replace', 'web/static/a.js', 'theme/static/a.js'),
            ('prepend', 'theme/static/c.scss'),
            ('append', 'theme/static/c.scss'),
        ],
    },
    'application': False,
    'post_init_hook': '',
}
"""


def manifest(text: str) -> str:
    return '{"name": "A",\n' + text + "}"


def test_a_manifest_of_6_1_is_read(tmp_path: Path) -> None:
    files = {
        "__openerp__.py": OLD,
        "__init__.py": "def post_load(): ...\n",
        "security/ir.model.access.csv": "",
        "delivery_view.xml": "<data/>",
    }
    problems = Problems()
    module = read_module(workspace.write(tmp_path / "delivery", files), "addons/delivery", problems)
    workspace.no_problems(problems)
    assert module
    assert (module.name, module.version, module.description) == ("delivery", "1.0.0", "Delivery")
    assert [item.module for item in module.requires] == ["purchase", "sale"]
    assert module.auto_enabled_by is None
    assert [hook.event for hook in module.hooks] == ["post_load"]
    assert module.foreign


def test_a_manifest_of_18_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, NEW, EMPTY, "theme")
    assert found.noted == []
    assert (found.module.version, found.module.license) == ("1.2.3", "LGPL-3")
    assert found.module.auto_enabled_by == ("website",)
    assert found.module.hooks == ()


@pytest.mark.parametrize(
    ("text", "version", "app_range"),
    [
        ("1.0", "1.0.0", None),
        ("0.1", "0.1.0", None),
        ("1.2.3", "1.2.3", None),
        ("1.2.3-rc.1", "1.2.3-rc.1", None),
        ("1.01", "1.1.0", None),
        ("16.0.1.0.0", "1.0.0", "16.0.x"),
        ("16.0.1.2.3", "1.2.3", "16.0.x"),
        ("6.1.1.0.2", "1.0.2", "6.1.x"),
        ("saas~14.2.1.0.3", "1.0.3", "14.2.x"),
        ("8.0.1.2", "1.2.0", None),
        ("1.0.0.7", "1.0.0+7", None),
        ("1.2.3.4.5", "1.2.3+4.5", None),
    ],
)
def test_a_version_becomes_three_numbers(
    tmp_path: Path, text: str, version: str, app_range: str | None
) -> None:
    found = read(tmp_path, manifest(f'"version": "{text}"'), EMPTY)
    assert found.noted == []
    assert found.module.version == version
    assert (found.module.app_range.text if found.module.app_range else None) == app_range


@pytest.mark.parametrize(
    "text",
    ["1", "", "1.0.", "v1.0", "1.0-beta", " 1.0", "1.2.3.4.5.6", "1.\u0663", "9" * 99 + ".0"],
)
def test_is_no_version(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, manifest(f'"version": "{text}"'), EMPTY)
    assert found.errors == ["XT0206"]
    assert found.found[0].place.span()[:2] == (2, 12)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ('("removes", "a")', "XT0204 2:27 `removes` is not an operation of a bundle"),
        ('("after", "a")', "XT0204 2:27 `after` takes 2 paths or bundles"),
        ("()", "XT0204 2:27 `` is not an operation of a bundle"),
        ("{}", "XT0203 2:27 an entry of `web.assets` must be a path, or an operation and paths"),
        (
            "(1, 2)",
            "XT0203 2:27 an entry of `web.assets` must be a path, or an operation and paths",
        ),
    ],
)
def test_each_defect_of_a_bundle_has_its_place(tmp_path: Path, entry: str, expected: str) -> None:
    found = read(tmp_path, manifest(f'"assets": {{"web.assets": [{entry}]}}'), EMPTY)
    assert found.noted == [expected]


def test_a_bundle_is_a_list(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"assets": {"web.assets": "a.js"}'), EMPTY)
    assert found.noted == ["XT0203 2:26 `web.assets` must be an array, not a string"]


def test_a_bundle_in_braces_is_read_as_a_list(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"assets": {"web.assets": {"a.js", "b.js"}}'), EMPTY)
    assert found.noted == []


@pytest.mark.parametrize(
    "key",
    [
        *("iap_paid_service", "iot_handlers_in_image", "kpi_providers", "other_files", "esm"),
        *("neuter", "reverse_neuter", "function", "oca_data_manual", "company", "module_type"),
        *("private_category", "odoo-apps", "repository", "documentation"),
    ],
)
def test_a_key_that_only_odoo_or_a_shop_reads_is_known(tmp_path: Path, key: str) -> None:
    assert read(tmp_path, manifest(f'"{key}": ["x"]'), EMPTY).noted == []


@pytest.mark.parametrize("key", ["conflicts", "depends_if_installed"])
def test_a_key_that_composes_nothing_is_a_warning(tmp_path: Path, key: str) -> None:
    found = read(tmp_path, manifest(f'"{key}": ["sale"]'), EMPTY)
    assert found.noted == [f"XT0223 2:1 `{key}` changes nothing in a product"]
    assert found.errors == []
    assert (found.module.requires, found.module.conflicts) == ((), ())


@pytest.mark.parametrize("key", ["pre_init_hook", "post_init_hook", "uninstall_hook", "post_load"])
def test_a_hook_that_is_false_is_none(tmp_path: Path, key: str) -> None:
    found = read(tmp_path, manifest(f'"{key}": False'), EMPTY)
    assert found.noted == []
    assert found.module.hooks == ()


def test_a_hook_that_is_true_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, manifest('"post_init_hook": True'), EMPTY)
    assert found.noted == ["XT0203 2:19 `post_init_hook` must be a string, not true or false"]


@pytest.mark.parametrize(
    ("text", "files", "line"),
    [
        ('"data": ["views/x.xml"]', {"views/x.xml": ""}, "__manifest__.py:2"),
        ('"assets": {"web.assets_backend": []}', {}, "__manifest__.py:2"),
        ("", {"models/a.py": "\nfrom odoo import models\n"}, "models/a.py:2"),
        ("", {"models/a.py": "import openerp.addons.base\n"}, "models/a.py:1"),
    ],
)
def test_code_that_runs_inside_odoo_says_where_it_shows(
    tmp_path: Path, text: str, files: dict[str, str], line: str
) -> None:
    foreign = read(tmp_path, manifest(text), EMPTY | files).module.foreign
    assert foreign
    assert (foreign.text, str(foreign.place)) == ("its code runs inside Odoo", f"addons/crm/{line}")


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ('"api": ["api"], "data": ["x.xml"]', {"api.py": "router = 1\n", "x.xml": ""}),
        ('"data": ["data/init.json"]', {"data/init.json": ""}),
        ("", {"code.py": "from .odoo import x\nimport odoorpc\n"}),
    ],
)
def test_a_module_of_fastvue_can_be_built(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    assert read(tmp_path, manifest(text), EMPTY | files).module.foreign is None


def test_code_of_python_2_is_not_a_problem_of_a_module_that_is_never_built(tmp_path: Path) -> None:
    files = EMPTY | {"a.py": "import openerp\n", "b.py": "print 'x'\n"}
    found = read(tmp_path, manifest(""), files)
    assert found.noted == []
    assert found.module.foreign


def test_a_shadowed_manifest_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, manifest(""), EMPTY | {"__openerp__.py": manifest("")})
    assert found.errors == ["XT0101"]
