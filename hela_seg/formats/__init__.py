"""What a checkpoint can be turned into for programs that are not this one."""
