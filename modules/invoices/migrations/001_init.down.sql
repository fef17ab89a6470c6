DROP TABLE invoices_issued;
