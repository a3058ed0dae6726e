package publish

const childEnv = "BWMON_PUBLISH_TEST_CHILD"

func childMain(string) int { return 1 }
