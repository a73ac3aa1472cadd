COMPACT;
COMPACT collection c;
