"""What a comparison found: tables, ranking, statistics, pages."""
