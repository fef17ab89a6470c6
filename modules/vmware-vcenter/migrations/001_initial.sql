CREATE TABLE vmware_vcenter_machines (
    name TEXT PRIMARY KEY,
    memory_gb INTEGER NOT NULL CHECK (memory_gb > 0),
    state TEXT NOT NULL DEFAULT 'ordered'
);

-- Moments are ISO 8601 in UTC, so that their order as text is their order in time.
CREATE TABLE vmware_vcenter_synchronisations (
    at TEXT NOT NULL,
    host TEXT NOT NULL,
    started INTEGER NOT NULL
);
