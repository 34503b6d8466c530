"""Starting runs from outside the process, through the gateway or straight at Hex."""
