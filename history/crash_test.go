package history

const crashEnv = "BWMON_HISTORY_TEST_CRASH"

func crashMain(string) int { return 0 }
