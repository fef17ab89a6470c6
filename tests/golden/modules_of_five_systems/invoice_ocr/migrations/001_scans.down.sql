DROP TABLE ocr_scans;
