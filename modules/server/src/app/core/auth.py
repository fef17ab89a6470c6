"""Rights, for modules of the BMC Hub, whose documents name none: these are the host's.

Depends(require_permission("invoices:issue"))   refuses a request without it
"""

from server.permissions import check_of as require_permission

__all__ = ["require_permission"]
