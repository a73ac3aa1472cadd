GRANT Search ON Collection c TO ROLE r;
